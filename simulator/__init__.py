"""Runs an optimizer on a benchmark under a simulated clock: workers, budget, resumed trainings, incumbent.

`nascurve.simulator.simulate.simulate` runs it to the end; `nascurve.simulator.simulation.Simulation` steps,
saves and resumes. What time, budget and incumbent mean exactly stands in docs/simulator.md.
"""
