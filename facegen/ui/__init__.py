"""The page: one file a tab. The only folder that imports gradio."""
