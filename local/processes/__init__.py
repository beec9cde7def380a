"""Child processes that never outlive whoever started them, and the ports that they listen on."""
