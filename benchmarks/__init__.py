"""Side-by-side measurements, their peers, and the organisation generator that the demo shares with them."""
