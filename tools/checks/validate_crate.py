"""Checks exported crates with the public RO-Crate validator (pip install roc-validator), at the levels REQUIRED and RECOMMENDED.

usage: validate_crate.py CRATE [--contexts FOLDER]

The validator fetches two JSON-LD contexts; without a network put them into FOLDER as 11.jsonld (https://w3id.org/ro/crate/1.1/context) and
wr.jsonld (https://w3id.org/ro/terms/workflow-run/context). Exit code 1 if a required check fails.
"""
import argparse
import io
import sys
import urllib.request
from pathlib import Path
from urllib.response import addinfourl
from email.message import Message

parser = argparse.ArgumentParser()
parser.add_argument("crate")
parser.add_argument("--contexts")
arguments = parser.parse_args()
PROFILES = ["ro-crate-1.1", "process-run-crate-0.5", "workflow-run-crate-0.5", "provenance-run-crate-0.5"]
LOCAL = {"https://w3id.org/ro/crate/1.1/context": "11.jsonld", "https://w3id.org/ro/terms/workflow-run/context": "wr.jsonld"}

if arguments.contexts:
    original = urllib.request.urlopen

    def local(request, *rest, **options):
        url = request if isinstance(request, str) else request.full_url
        name = LOCAL.get(url)
        if name is None:
            return original(request, *rest, **options)
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        return addinfourl(io.BytesIO((Path(arguments.contexts) / name).read_bytes()), headers, url, 200)

    urllib.request.urlopen = local
    import rdflib._networking as networking
    networking.urlopen = local
    import requests

    ask = requests.Session.request

    def answer(self, method, url, *rest, **options):
        name = LOCAL.get(url)
        if name is None:
            return ask(self, method, url, *rest, **options)
        response = requests.Response()
        response.status_code, response.url = 200, url
        response.headers["Content-Type"] = "application/ld+json"
        response._content = (Path(arguments.contexts) / name).read_bytes()
        return response

    requests.Session.request = answer

from rocrate_validator import __version__, models, services  # noqa: E402

failed = False
print(f"roc-validator {__version__}")
for profile in PROFILES:
    for severity in (models.Severity.REQUIRED, models.Severity.RECOMMENDED):
        settings = services.ValidationSettings(rocrate_uri=arguments.crate, profile_identifier=profile, requirement_severity=severity)
        result = services.validate(settings)
        issues = result.get_issues()
        print(f"{profile} {severity.name}: {'passed' if not issues else f'{len(issues)} issues'}")
        for issue in issues:
            print(f"  [{issue.severity.name}] {issue.check.identifier}: {issue.message} ({issue.violatingEntity if hasattr(issue, 'violatingEntity') else ''})")
        failed = failed or (severity == models.Severity.REQUIRED and len(issues) > 0)
sys.exit(1 if failed else 0)
