"""Prints the CloudFormation templates that a SAM template becomes, by Region: translate.py TEMPLATE REGION..."""

import json
import sys

from boto3.session import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def translate(text, region):
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        # A folder is uploaded before the translation: its path stays visible as the key in a bucket.
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = "s3://folder/" + resource["Properties"]["CodeUri"]
    return Translator({}, Parser(), boto_session=Session(region_name=region)).translate(template, {})


with open(sys.argv[1]) as f:
    source = f.read()
json.dump({region: translate(source, region) for region in sys.argv[2:]}, sys.stdout)
