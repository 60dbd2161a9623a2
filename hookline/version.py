"""The version, without loading package metadata."""

VERSION = "0.2.0.dev0"
