"""Korean: numbers and signs, pronunciation rules and their word lists, used by ``text.korean``."""
