# Each target creates a virtual environment with tox in it, and calls tox. ARGS is passed to what tox runs.
TOX := .venv/bin/tox

.PHONY: test demo
test: $(TOX)
	$(TOX) run

demo: $(TOX)
	$(TOX) run -qq -e demo -- $(ARGS)

$(TOX):
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check 'tox ~= 4.30'
