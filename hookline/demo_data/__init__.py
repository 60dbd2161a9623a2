"""Files of `hookline demo`; NOTICE names the authors of the payloads."""
