"""The page: Gradio components over composer and retrieval, which never import it."""
