"""The watch: it follows the offers themselves, compares them with what was last seen, and announces changes."""
