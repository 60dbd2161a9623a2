"""The version, without loading package metadata."""

VERSION = "0.1.0"
