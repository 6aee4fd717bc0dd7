"""The commands of the admin program."""
