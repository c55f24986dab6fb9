"""pegaflow-proxy: sends each request to a prefill and a decode engine at once.

It mints the transfer key, so decode can ask for the KV while prefill computes it. Not a general
router: it knows the engines of one deployment, takes them in turn, and leaves dead ones out.
Install with the extra: pip install 'pegaflow-ucx[proxy]'.
"""
