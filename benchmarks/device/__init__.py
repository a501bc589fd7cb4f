"""What a machine with a GPU and no network is worth: what it is brought, and what runs there."""
