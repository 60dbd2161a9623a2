"""One module and one jq program per host; see docs/adding-a-host.md."""
