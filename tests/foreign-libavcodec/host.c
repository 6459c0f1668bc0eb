/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: host DRIVER PLUGIN: opens the driver as libva does, then a plugin that must meet its own libavcodec. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	unsigned (*version)(void);
	void *driver, *plugin;

	if (argc != 3)
		return 2;
	driver = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
	plugin = driver ? dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) : NULL;
	version = plugin ? (unsigned (*)(void))dlsym(plugin, "plugin_version") : NULL;
	if (!version) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	if (version() != (58u << 16 | 4242u)) {
		fprintf(stderr, "the plugin got libavcodec %u, not its own\n", version() >> 16);
		return 1;
	}
	return 0;
}
