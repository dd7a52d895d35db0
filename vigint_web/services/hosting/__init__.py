"""Videos hosted for programs, and copies on another host."""
