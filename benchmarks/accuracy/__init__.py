"""How right the attribution is: the generated cases through the nightly job, and every session held against the truth."""
