"""The shapes of the dialect (contract, `components.schemas`)."""
