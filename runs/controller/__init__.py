"""The controller: acts on what runs. It keeps nothing; what it did is written on the Workflows, and can be done again without harm."""
