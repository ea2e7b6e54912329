"""How a model meets a task, one file a family: fit, probe, finetune. Test data never comes here."""
