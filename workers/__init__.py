"""The shop's workers: they feed the services at intervals."""
