"""Care for passengers of late flights, by a policy in a workbook that is changed while workers run."""
