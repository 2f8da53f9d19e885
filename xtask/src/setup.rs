//! What the other subcommands need on the machine, installed when it is missing.
