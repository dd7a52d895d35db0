"""Videos that programs host here, and copies that another host has."""
