"""Processes for tests that kill them, forked from one process that has imported what they need."""

import multiprocessing

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.composer.drafts.saving_process", "tests.retrieval.indexing_process"])
