"""The floor of the house: readable errors, translated sentences, folders, threads. Imports no other room of ours."""
