"""What `hookline demo` runs on; payloads: see NOTICE."""
