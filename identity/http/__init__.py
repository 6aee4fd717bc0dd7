"""What surrounds every HTTP route: limits, headers, metrics, errors."""
