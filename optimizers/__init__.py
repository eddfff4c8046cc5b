"""Optimizers: propose architectures (`ask`) and learn from their learning curves (`tell`).

Built by `nascurve.create_optimizer(id, space, seed=…)`, or directly from their modules: `random_search`,
`regularized_evolution`, `local_search`, `bananas`. New ones derive from `base.AskTellOptimizer`, or implement
the protocol `nascurve.simulator.types.Optimizer` themselves, and must pass
`nascurve.testing.check_optimizer`.
"""
