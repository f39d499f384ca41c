"""A plausible term, made up from a seed: plan, changes, evidence. Pure; whoever asks writes it."""
