"""Child processes that never outlive their parent, and the ports that they listen on."""
