"""The page: one file for each tab. The only folder that imports gradio."""
