// SPDX-License-Identifier: MIT
#include <stdio.h>
#include "ism.h"

int main(int argc, char **argv)
{
	struct ism *ism = ism_new();
	struct ism_info info;

	if (argc != 2 || !ism)
		return 2;
	if (ism_open(ism, argv[1], ISM_IOMMU_AUTO) || ism_cmd_query_info(ism, &info)) {
		fprintf(stderr, "%s\n", ism_strerror(ism));
		return 1;
	}
	printf("%s: GID %#018llx, version %u, %u DMBs\n", ism_name(ism),
	       (unsigned long long)info.gid, info.version, info.dmbs_owned);
	ism_free(ism);
	return 0;
}
