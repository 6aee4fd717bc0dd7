"""What users have allowed: grants, and the codes and tokens issued upon them."""
