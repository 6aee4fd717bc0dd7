"""The pages people see: log-in, consent, device codes, log-out, errors. No script anywhere."""
