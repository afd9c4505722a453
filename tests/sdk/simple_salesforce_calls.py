"""simple-salesforce, unchanged but for its address and its session, which is the hub's key."""

import os

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound


class Plain(HTTPAdapter):
    """The library speaks https only, and the hub of a test speaks http."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


session = requests.Session()
session.mount("https://", Plain())
client = Salesforce(
    instance=os.environ["SALESFORCE_INSTANCE"],
    session_id=os.environ["SALESFORCE_SESSION"],
    version="68.0",
    session=session,
)

made = client.Contact.create({"LastName": "Lovelace", "Email": "ada@example.com"})
print("made:", made["success"])
print("read:", client.Contact.get(made["id"])["LastName"])
print("changed:", client.Contact.update(made["id"], {"Title": "Countess"}))
found = client.query("SELECT Id, Email FROM Contact WHERE LastName = 'Lovelace'")
print("found:", found["records"][0]["Email"])
first = client.Contact.upsert("Patchbay_Id__c/key-1", {"LastName": "Hopper"})
again = client.Contact.upsert("Patchbay_Id__c/key-1", {"LastName": "Hopper", "Title": "Admiral"})
print("upserted:", first, again)
rows = client.query_all(
    "SELECT Id, LastName FROM Contact WHERE LastName LIKE 'Row%'", headers={"Sforce-Query-Options": "batchSize=200"}
)
print("pages:", len(rows["records"]))
print("deleted:", client.Contact.delete(made["id"]))
try:
    client.query("SELECT Id, Nothing FROM Contact")
except SalesforceMalformedRequest as error:
    print("error:", error.content[0]["errorCode"])
try:
    client.Contact.get(made["id"])
except SalesforceResourceNotFound as error:
    print("gone:", error.content[0]["errorCode"])
