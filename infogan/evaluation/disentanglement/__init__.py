"""Scores of codes against known factors: MIG, DCI, SAP, FactorVAE, BetaVAE, InfoMEC and others."""
