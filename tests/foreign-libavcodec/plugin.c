/* SPDX-License-Identifier: BSD-2-Clause */
unsigned avcodec_version(void);

unsigned plugin_version(void);
unsigned plugin_version(void)
{
	return avcodec_version();
}
