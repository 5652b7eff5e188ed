# /etc/jupyterhub/choices.py
# What users may choose for their server. If they choose nothing, they get the first of each. Slurm's own limits
# apply too: a job that asks for more than its partition has is refused.
c = get_config()

c.JobSpawner.choices = {
    "partition": {"jupyter": "The usual one", "short": "At most 2 hours, and first in the queue"},
    "memory": {"2G": "2 GB", "4G": "4 GB"},
    "runtime": {"8:00:00": "8 hours", "2:00:00": "2 hours", "0:30:00": "30 minutes"},
}
