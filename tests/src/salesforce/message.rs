//! Outbound Messages, as a flow in the org sends them.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::store::{State, whole};

/// The message about some records, with the values that they have now.
pub(super) fn envelope(state: &mut State, org: &str, ids: &[&str]) -> String {
    let mut notifications = String::new();
    for id in ids {
        let notification = state.new_id("04l");
        let row = state.rows.get(&whole(id));
        let object = row.map_or("Contact", |row| row.object.as_str());
        let mut fields = String::new();
        for (name, value) in row.iter().flat_map(|row| &row.fields) {
            if let Some(text) = value.as_str() {
                let _ = write!(fields, "<sf:{name}>{}</sf:{name}>", escape(text));
            }
        }
        let _ = write!(
            notifications,
            "<Notification><Id>{notification}</Id><sObject xsi:type=\"sf:{object}\" \
             xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>{}</sf:Id>{fields}</sObject></Notification>",
            whole(id),
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n \
         <soapenv:Body>\n  <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   \
         <OrganizationId>{org}</OrganizationId>\n   <ActionId>04k000000000001AAA</ActionId>\n   <SessionId xsi:nil=\"true\"/>\n   \
         <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/68.0/00D000000000001</EnterpriseUrl>\n   \
         <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/68.0/00D000000000001</PartnerUrl>\n   {notifications}\n  \
         </notifications>\n </soapenv:Body>\n</soapenv:Envelope>"
    )
}
