"""The batch job that turns a catalogue into a snapshot."""
