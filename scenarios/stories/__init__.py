"""What happens in each topology: `play(world)` acts, awaits and fails with a sentence."""
