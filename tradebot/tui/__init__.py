"""The screens: a reader of the journal that writes nothing but commands and the HALT file."""
