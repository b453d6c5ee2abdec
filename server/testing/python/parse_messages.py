"""Reads messages of the ingestion topic, one a line, with the models of the existing services; prints each as they write it."""

import sys

from matyan_api_models.kafka import IngestionMessage

for line in sys.stdin:
    print(IngestionMessage.model_validate_json(line.rstrip("\n")).model_dump_json())
