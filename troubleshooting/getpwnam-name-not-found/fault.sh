# An account whose name has a capital letter.
usermod --login Mallory mallory
