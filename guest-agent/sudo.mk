# The program `sudo` of guests whose kernel ignores setuid. The service it talks to is part of the agent.
sudo_client := $(addprefix $(target)/objects/,frame.o sudo/client.o sudo/options.o sudo/print.o sudo/terminal.o sudo/request.o)

$(target)/holt-sudo: $(sudo_client)
	@$(MUSL_GCC) -static -s -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none -o $@ $(sudo_client)
