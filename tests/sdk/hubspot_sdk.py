"""hubspot-api-client, unchanged but for its address and its token, which is the hub's key."""

import os

from hubspot import HubSpot
from hubspot.crm.associations.v4 import BatchInputPublicDefaultAssociationMultiPost, PublicDefaultAssociationMultiPost
from hubspot.crm.companies import SimplePublicObjectInputForCreate as NewCompany
from hubspot.crm.contacts import (
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException

client = HubSpot(access_token=os.environ["HUBSPOT_TOKEN"], host=os.environ["HUBSPOT_BASE_URL"])
contacts = client.crm.contacts

asked = PublicObjectSearchRequest(
    filter_groups=[{"filters": [{"propertyName": "email", "operator": "EQ", "value": "ada@example.com"}]}],
    sorts=[],
    properties=["firstname"],
    limit=10,
    after="0",
)
ada = contacts.search_api.do_search(public_object_search_request=asked).results[0]
print("found:", ada.properties["firstname"])

new = SimplePublicObjectInputForCreate(properties={"email": "grace@example.com", "firstname": "Grace"}, associations=[])
grace = contacts.basic_api.create(simple_public_object_input_for_create=new)
print("created:", contacts.basic_api.get_by_id(grace.id, properties=["firstname"]).properties["firstname"])

change = SimplePublicObjectInput(properties={"lastname": "Hopper"})
contacts.basic_api.update(grace.id, simple_public_object_input=change)
print("updated:", contacts.basic_api.get_by_id(grace.id, properties=["lastname"]).properties["lastname"])

print("listed:", len(contacts.get_all()))

batch = BatchReadInputSimplePublicObjectId(
    inputs=[{"id": ada.id}, {"id": grace.id}], properties=["email"], properties_with_history=[]
)
print("batch:", len(contacts.batch_api.read(batch_read_input_simple_public_object_id=batch).results))

company = client.crm.companies.basic_api.create(
    simple_public_object_input_for_create=NewCompany(properties={"name": "Example"}, associations=[])
)
pair = PublicDefaultAssociationMultiPost(_from={"id": ada.id}, to={"id": company.id})
client.crm.associations.v4.batch_api.create_default(
    "contacts",
    "companies",
    batch_input_public_default_association_multi_post=BatchInputPublicDefaultAssociationMultiPost(inputs=[pair]),
)
found = client.crm.contacts.basic_api.get_by_id(ada.id, properties=["associatedcompanyid"])
print("associated:", int(found.properties["associatedcompanyid"] == company.id))

try:
    contacts.basic_api.get_by_id("1")
except ApiException as error:
    print("error:", error.status)

contacts.basic_api.archive(grace.id)
print("archived:", len(contacts.basic_api.get_page(archived=True).results))
