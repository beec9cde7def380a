"""The watch: follows the offers themselves, compares them with what was last seen and announces each change once."""
