#!/bin/sh
# Makes the model `person` with its workflow, stores one person, and shows what the member made of it.
# Needs curl, python3 and the variables that `manage.py dev` prints.
set -eu
TOKEN=$(curl -sS -f -u "$CYODA_CLIENT_ID:$CYODA_CLIENT_SECRET" -d grant_type=client_credentials \
  "$CYODA_API_URL/oauth/token" | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
send() {
  curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"
  echo
}
case $(send "$CYODA_API_URL/model/") in
*'"person"'*) ;;
*)
  send -d '{"name": "Ada", "greeting": "Hello!"}' "$CYODA_API_URL/model/import/JSON/SAMPLE_DATA/person/1"
  send -X PUT "$CYODA_API_URL/model/person/1/lock"
  ;;
esac
send -d @"$(dirname "$0")/workflow.json" "$CYODA_API_URL/model/person/1/workflow/import"
PERSON=$(send -d '{"name": "'"${1:-Ada}"'"}' "$CYODA_API_URL/entity/JSON/person/1" |
  python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["entityIds"][0])')
send "$CYODA_API_URL/entity/$PERSON"
