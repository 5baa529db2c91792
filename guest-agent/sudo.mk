# The program `sudo` of guests whose kernel ignores setuid, and its tests. The service it talks to is part of the agent.
sudo_client := $(addprefix $(target)/objects/,frame.o sudo/client.o sudo/options.o sudo/print.o sudo/terminal.o sudo/request.o)

$(target)/holt-sudo: $(sudo_client)
	@$(MUSL_GCC) -static -s -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none -o $@ $(sudo_client)

sudo_test_sources := src/test/c/sudo_test.c $(addprefix src/main/c/,frame.c sudo/request.c sudo/sudoers.c sudo/environment.c sudo/command.c)

$(target)/sudo-test: $(sudo_test_sources) $(headers) Makefile sudo.mk
	@mkdir -p $(@D)
	@$(HOST_GCC) $(standard) $(test_warnings) $(sanitizers) -o $@ $(sudo_test_sources)

# Static, so that it can also be started in a guest: as root, without arguments.
sudo_case_sources := src/test/c/sudo_cases.c src/test/c/sudo_world.c

$(target)/sudo-cases: $(sudo_case_sources) src/test/c/sudo_world.h Makefile sudo.mk | musl
	@mkdir -p $(@D)
	@$(MUSL_GCC) $(standard) $(test_warnings) -O1 -static -o $@ $(sudo_case_sources)

.PHONY: test-sudo
test: test-sudo
test-sudo: $(target)/sudo-test $(target)/sudo-cases $(agent) $(target)/holt-sudo
	$(target)/sudo-test
	$(target)/sudo-cases $(agent) $(target)/holt-sudo
