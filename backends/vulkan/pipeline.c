/* Pipelines, made of a row's shader when a program first wants them. */
#include "backends/vulkan/device.h"
#include "pw/status.h"

static pewter_status make(pw_device *dev, const pw_shader *shader, uint32_t columns,
                          VkPipeline *out, pewter_error *err)
{
    pw_vk *vk = &dev->vk;
    const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = (size_t)(shader->end - shader->code) *
                                                       sizeof *shader->code,
                                           .pCode = shader->code};
    VkShaderModule module;
    PW_TRY(pw_vk_check(dev, vk->CreateShaderModule(dev->device, &code, NULL, &module),
                       "vkCreateShaderModule", err));
    const VkSpecializationMapEntry entry = {0, 0, sizeof columns};
    const VkSpecializationInfo constants = {1, &entry, sizeof columns, &columns};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = shader->columns ? &constants : NULL},
        .layout = dev->layout};
    const VkResult result =
        vk->CreateComputePipelines(dev->device, VK_NULL_HANDLE, 1, &info, NULL, out);
    vk->DestroyShaderModule(dev->device, module, NULL);
    return pw_vk_check(dev, result, "vkCreateComputePipelines", err);
}

pewter_status pw_vk_pipeline_of(pw_device *dev, const pw_shader *shader, uint32_t columns,
                                VkPipeline *out, pewter_error *err)
{
    const uint32_t wanted = shader->columns ? columns : 0;
    for (size_t i = 0; i < dev->n_pipelines; i++) {
        const pw_vk_pipeline *p = &dev->pipelines[i];
        if (p->shader != shader || p->columns != wanted) continue;
        *out = p->pipeline;
        return PEWTER_OK;
    }
    if (dev->n_pipelines == PW_VK_MAX_PIPELINES)
        return pw_fail(err, PEWTER_E_LIMIT, "%s: more than %d pipelines", dev->name,
                       PW_VK_MAX_PIPELINES);
    PW_TRY(make(dev, shader, wanted, out, err));
    dev->pipelines[dev->n_pipelines++] =
        (pw_vk_pipeline){.shader = shader, .columns = wanted, .pipeline = *out};
    return PEWTER_OK;
}
