"""From records to the wire and back."""
