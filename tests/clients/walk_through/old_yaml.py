"""PyYAML's `load` as it could be called before version 6: with the text alone."""

import yaml


def load(text):
    return yaml.safe_load(text)
