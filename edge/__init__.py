"""The edge, what viewers talk to: nginx serves the player, VOD and live segments; an agent knows what is live."""
